/* An 8 by 8 transpose in AVX registers, for the x86 kernels. */
#ifndef SN_INFER_CPU_TRANSPOSE_X86_H
#define SN_INFER_CPU_TRANSPOSE_X86_H

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
