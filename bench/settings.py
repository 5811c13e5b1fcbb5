"""The product's settings, with one more address: an empty page for whoever is signed in."""

from gap.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
