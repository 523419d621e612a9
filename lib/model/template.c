#include "model/template.h"

#include <string.h>

static int chatml(const struct sn_template_args *a, struct sn_buf *out, struct sn_err *e)
{
	(void)e;
	for (size_t i = 0; i < a->n; i++) {
		const struct sn_message *m = &a->messages[i];

		sn_buf_str(out, "<|im_start|>");
		sn_buf_str(out, m->role);
		sn_buf_chr(out, '\n');
		sn_buf_add(out, m->content, m->content_len);
		sn_buf_str(out, "<|im_end|>\n");
	}
	if (a->add_generation_prompt)
		sn_buf_str(out, "<|im_start|>assistant\n");
	return 0;
}

static const struct sn_template templates[] = {
	{ "chatml",
	  "{% for message in messages %}"
	  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
	  "{% endfor %}"
	  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
	  chatml },
};

const struct sn_template *sn_template_named(const char *name)
{
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++)
		if (!strcmp(templates[i].name, name))
			return &templates[i];
	return NULL;
}

const char *sn_template_names(void)
{
	return "chatml";
}

void sn_template_digest(const struct sn_template *t, uint8_t out[SN_DIGEST])
{
	sn_sha256(t->text, strlen(t->text), out);
}

int sn_template_render(const struct sn_template *t, const struct sn_template_args *a,
	struct sn_buf *out, struct sn_err *e)
{
	int rc = t->render(a, out, e);

	return rc ? rc : sn_buf_ok(out, t->name, e);
}
