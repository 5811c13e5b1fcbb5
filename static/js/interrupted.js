// A page that came instead of the one asked for (an error): the form sent just before was not taken, its draft stays.

import * as draft from "./draft.js";

draft.start();
