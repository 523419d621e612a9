/* What the x86 kernels share, in AVX registers. */
#ifndef SN_INFER_CPU_X86_H
#define SN_INFER_CPU_X86_H

/* denormals as zero, in and out, round to nearest; and back */
static inline unsigned flush_on(void)
{
	unsigned before = _mm_getcsr();

	_mm_setcsr(0x1f80 | 0x8040);
	__asm__ volatile("" ::: "memory");
	return before;
}

static inline void flush_off(unsigned before)
{
	__asm__ volatile("" ::: "memory");
	_mm_setcsr(before);
}
#define FLUSH_ON() flush_on()
#define FLUSH_OFF(before) flush_off(before)

static inline float highest4(__m128 x)
{
	x = _mm_max_ps(x, _mm_movehl_ps(x, x));
	return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}

/* lane i += lane i + 4, then + 2, then + 1 */
static inline float fold8(__m256 v)
{
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	x = _mm_add_ps(x, _mm_movehl_ps(x, x));
	return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}

/* out[j][i] = w[i][j], 8 by 8 */
static inline void transpose8(const float *w, size_t ldw, float *out, size_t ldo)
{
	__m256 r[8], t[8];

	/* halves of rows i and i + 4 first, so that the rest stays within 128 bits */
	for (int i = 0; i < 4; i++) {
		const float *p = w + (size_t)i * ldw, *q = w + (size_t)(i + 4) * ldw;

		r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
			_mm_loadu_ps(q), 1);
		r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + 4)),
			_mm_loadu_ps(q + 4), 1);
	}
	for (int h = 0; h < 8; h += 4) {
		t[h] = _mm256_unpacklo_ps(r[h], r[h + 1]);
		t[h + 1] = _mm256_unpackhi_ps(r[h], r[h + 1]);
		t[h + 2] = _mm256_unpacklo_ps(r[h + 2], r[h + 3]);
		t[h + 3] = _mm256_unpackhi_ps(r[h + 2], r[h + 3]);
		_mm256_storeu_ps(out + (size_t)h * ldo, _mm256_shuffle_ps(t[h], t[h + 2], 0x44));
		_mm256_storeu_ps(out + (size_t)(h + 1) * ldo,
			_mm256_shuffle_ps(t[h], t[h + 2], 0xee));
		_mm256_storeu_ps(out + (size_t)(h + 2) * ldo,
			_mm256_shuffle_ps(t[h + 1], t[h + 3], 0x44));
		_mm256_storeu_ps(out + (size_t)(h + 3) * ldo,
			_mm256_shuffle_ps(t[h + 1], t[h + 3], 0xee));
	}
}

#endif
