"""The downtime kit: what the desk needs on paper when the product is down (docs/adr/0023-downtime-kit.md)."""
