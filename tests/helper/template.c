/*
 * template - named chat templates, for the tests
 *
 *   template NAME            the Jinja text
 *   template -r NAME <LINES  {"messages", "bos_token", "eos_token"}: the rendering as JSON
 */
#include <stdio.h>
#include <string.h>

#include "model/template.h"
#include "util/io.h"
#include "util/json.h"

enum { MAX = 64 };

static int render(const struct sn_template *t, const json_t *o, struct sn_buf *out, struct sn_err *e)
{
	struct sn_message m[MAX];
	struct sn_template_args a = { .messages = m, .add_generation_prompt = true,
		.include_beginning_of_conversation = true,
		.bos = json_string_value(json_object_get(o, "bos_token")),
		.eos = json_string_value(json_object_get(o, "eos_token")) };
	const json_t *list = json_object_get(o, "messages");

	for (size_t i = 0; i < json_array_size(list) && i < MAX; i++, a.n++) {
		const json_t *v = json_array_get(list, i), *content = json_object_get(v, "content");

		m[i].role = json_string_value(json_object_get(v, "role"));
		m[i].content = json_string_value(content);
		m[i].content_len = json_string_length(content);
	}
	return sn_template_render(t, &a, out, e);
}

int main(int argc, char **argv)
{
	const struct sn_template *t = argc > 1 ? sn_template_named(argv[argc - 1]) : NULL;
	struct sn_buf text = SN_BUF_INIT, json = SN_BUF_INIT;
	struct sn_lines lines;
	struct sn_err e;
	char *line;
	size_t n;

	if (!t)
		return 100;
	if (argc == 2)
		return fputs(t->text, stdout) < 0;
	sn_lines_init(&lines, 0, "stdin", 16 << 20);
	while (sn_lines_next(&lines, &line, &n, &e) > 0) {
		json_t *o = json_loadb(line, n, 0, NULL);

		sn_buf_clear(&text);
		sn_buf_clear(&json);
		if (!o || render(t, o, &text, &e))
			return 1;
		sn_buf_json(&json, text.p ? text.p : "", text.len);
		puts(json.p);
		json_decref(o);
	}
	sn_lines_release(&lines);
	sn_buf_release(&text);
	sn_buf_release(&json);
	return fflush(stdout) ? 111 : 0;
}
