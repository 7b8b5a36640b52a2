"""How networks are trained.

A module imports only those above it:

- `plotting`, `history`: the record of a run, and pictures of it
- `optimizers`, `network`: what a trainer needs of an optimizer and of a network
- `arguments`: checks of settings and data
- `sampling`: the samples of each step
- `interrupts`: delays signals until the end of a step
- `task`: a snapshot of the settings, for one step or one call of the core
- `dataset`: the data as steps read it
- `steps`: one step after the other, or many in one call of the core
- `checkpoint`: a run on disk
- `loop`: a run from its first step to its last
- `settings`: what a trainer trains and how
- `trainer`: the class that users see
"""
