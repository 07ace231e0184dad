"""`start WIDTH HEIGHT FOLDER`: a desktop. `panel …`: its panel alone."""

from __future__ import annotations

import sys

if sys.argv[1] == "panel":
    from agentrl.envs.gui.desktop.inside.panel import main

    main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
else:
    from agentrl.envs.gui.desktop.inside.server import start

    start(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
