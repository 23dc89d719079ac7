"""Training: image sets, heads, the loop and its state.

Importing this package makes a plain `import jittor` work offline (see sface/runtime.py); it does not import Jittor.
"""

from .. import runtime

runtime.prepare()
