"""The journal of who saw and did what (docs/adr/0013-journal.md).

`unit`: on whose behalf this process works now. `writing`: what is seen and done, told by the code. `tables`: changes,
told by the database itself. `sealing`: the chain that shows an edit, a deletion, a move.
"""

from accounts.journal.unit import Unit, current, working
from accounts.journal.writing import Guarded, done, guard, listed, read

__all__ = ["Guarded", "Unit", "current", "done", "guard", "listed", "read", "working"]
