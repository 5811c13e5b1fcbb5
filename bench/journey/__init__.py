"""`make journey`: from a scanned card to a paid invoice, without a browser.

The product's own processes (web, worker, scheduler) and the simulator run on an empty database; everything is asked and
read through the REST API. The amounts expected are computed here (`expected`), apart from the product's code.
"""
