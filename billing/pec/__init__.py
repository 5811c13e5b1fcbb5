"""The circuit outside ROC: a prise en charge (PEC) asked by letter, reminded, answered, billed (docs/adr/0026)."""
