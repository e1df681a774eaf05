"""``python -m trellis.serving.publish``: the same as ``trellis models publish``."""

import sys

from trellis.serving.publish.command import main

sys.exit(main())
