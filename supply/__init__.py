"""What the product is made of that is not ours: its locks, what is known against them, and their list.

Run by `make audit`, `make advisories` and `make sbom`; nothing of it runs with the product. No network: a copy of the
advisories is kept beside the locks, and says its day.
"""
