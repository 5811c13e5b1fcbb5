"""The authorization server of programs (RFC 6749 §4.4), over Authlib (docs/adr/0017-programs.md).

`certificates`: what the proxy tells of a client's certificate. `clients`: who asks, and how it proves it. `server`: tokens
given and ended. `views`: their addresses. Authlib has no types: a class made of one of its own says so (`type: ignore[misc]`).
"""
