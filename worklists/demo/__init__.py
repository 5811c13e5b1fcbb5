"""The demonstration hospital, « CH de Valmont »: people, cards and stays are invented, and live through the real chain.

`catalogue` reads the data files; `people`, `cards` and `plots` decide who comes, with which card and when, without a
database; `places` and `logins` write what a hospital has before its first patient; `acts` and `recovery` live the stays
through the services, the engine and the wire; `ageing` gives each trace the date it would have had; `builder` does it
all in order; `census` counts what there is to see; `today` adds the arrivals of a new day.
"""
