"""What a web server loads, in each of its processes."""

import os
from importlib import import_module

from celery import current_app
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

from gap import lookout
from gap.memory import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
application = get_wsgi_application()

# A web process only publishes: a broker that hangs is given up sooner than a worker, which waits for it, would.
current_app.conf.broker_transport_options = current_app.conf.broker_transport_options | {"socket_timeout": 1}

# In a web process, after its fork: what the first person to ask must not wait for.
for path in settings.WARM_UP:
    import_string(path)()
import_module(settings.ROOT_URLCONF)
settle()
lookout.start(cuts=True)
