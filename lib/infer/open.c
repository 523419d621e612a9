/* From a model to the net that the forward pass sees. */
#include <stdlib.h>

#include "infer/net.h"
#include "model/model.h"

int sn_infer_open(struct sn_infer **out, const struct sn_model *m, const struct sn_infer_opts *o,
	struct sn_err *e)
{
	struct sn_net net = { .cfg = *sn_model_config(m), .owned = true };
	int rc;

	*out = NULL;
	net.t = calloc(SN_W_ATTN_NORM + (size_t)net.cfg.n_layers * SN_PER_LAYER, sizeof(*net.t));
	if (!net.t)
		return sn_err_mem(e);
	for (int role = 0; role < SN_W_ATTN_NORM; role++)
		net.t[role] = sn_model_tensor(m, role, 0);
	for (uint32_t i = 0; i < net.cfg.n_layers; i++)
		for (int role = SN_W_ATTN_NORM; role < SN_ROLES; role++)
			net.t[role + (size_t)i * SN_PER_LAYER] = sn_model_tensor(m, role, i);
	rc = sn_infer_open_net(out, &net, o, e);
	if (rc)
		free(net.t);
	return rc;
}
