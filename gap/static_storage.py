"""Static files of production: each under a name that holds its hash, the imports between modules included."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticStorage(CompressedManifestStaticFilesStorage):
    """Without this, a module would import another under its plain name, which browsers keep too long or too little."""

    support_js_module_import_aggregation = True
