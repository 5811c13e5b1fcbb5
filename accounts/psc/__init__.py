"""Signing in by Pro Santé Connect, the national OpenID provider of health professionals (docs/adr/0021).

`provider`: what is asked of it over the network, and what of its answers is believed. `flow`: a demand that leaves and comes
back to the same browser, once. `identities`: which of our people a professional is.
"""
