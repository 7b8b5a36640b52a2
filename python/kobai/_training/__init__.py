"""How networks are trained.

A module imports only those above it:

- `plotting`, `history`: what a run records, and pictures of it
- `optimizers`, `network`: what a trainer asks of an optimizer and of a network
- `arguments`: settings and data as they were given
- `sampling`: the samples of each step, and the way back to them
- `interrupts`: signals wait for the end of a step
- `task`: what is trained and how, frozen for a step or a call of the core
- `dataset`: the data as steps read it
- `steps`: one step after the other, or many in one call of the core
- `checkpoint`: a run on disk
- `loop`: a run from its first step to its last
- `trainer`: the face of it all
"""
