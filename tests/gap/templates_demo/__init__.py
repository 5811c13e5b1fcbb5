"""A page with every component, served without a database: what the tests of the templates render, drive and look at."""
