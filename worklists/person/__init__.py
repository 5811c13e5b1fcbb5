"""Everything held on one person, given to them (RGPD, art. 15 and 20): `policy` says what, `export` gathers and seals."""
