"""Training: image sets, heads, the loop and its state.

Importing this package makes a plain `import jittor` work offline (see sface/runtime/jittor_setup.py); it does not
import Jittor.
"""

from ..runtime import jittor_setup

jittor_setup.prepare()
