"""Work spread over processes, threads or machines, in blocks of elements.

What a block gives does not depend on who computes it, so neither does the result.
"""

from kobai._workers.blocks import cut
from kobai._workers.spread import Workers, workers_of

__all__ = ["Workers", "cut", "workers_of"]
