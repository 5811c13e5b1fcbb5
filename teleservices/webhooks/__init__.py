"""Signed webhooks: what a program asked to be told, told (docs/webhooks.md).

`kinds`: of what, and the scope that each takes. `telling`: rows written in the transaction of what happened. `signing`:
Standard Webhooks. `sending`: claim, commit, post, record; killed anywhere, sent again under the same identifier.
`managing`: what their owner may do.
"""
