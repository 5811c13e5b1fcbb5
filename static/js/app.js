// The behaviour of every page. The scanner comes first: it looks at a key before anything else does.

import * as scanner from "./scanner.js";
import * as cover from "./cover.js";
import * as drop from "./drop.js";
import * as guard from "./guard.js";
import * as keys from "./keys.js";
import * as list from "./list.js";
import * as draft from "./draft.js";
import * as live from "./live.js";
import * as choice from "./choice.js";
import * as sideways from "./sideways.js";

for (const part of [scanner, cover, drop, guard, keys, list, draft, live, choice, sideways]) part.start();
