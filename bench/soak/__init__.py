"""The promises of the engine, under random faults: thousands of calls, then what both sides remember is compared.

`python -m bench.soak [--calls N] [--seed S]`: its own PostgreSQL, Redis, simulator, workers and scheduler. While stays
are lived, workers are killed, Redis is killed and comes back empty, PostgreSQL is restarted or crashes, the simulator
dies, payers are slow, cut, refuse or answer nonsense. Last line: `soak: N calls, 0 lost, 0 twice`.
"""
