"""What a web server loads, in each of its processes."""

import os

from django.core.wsgi import get_wsgi_application

from debtors.datamatrix import sandbox

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
application = get_wsgi_application()

# A web process, after its fork: the first card photographed must not wait for the reader to start.
sandbox.warm()
