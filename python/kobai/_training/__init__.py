"""How networks are trained.

A module imports only those above it:

- `plotting`, `history`: the record of a run, and pictures of it
- `optimizers`, `network`: what a trainer needs of an optimizer and of a network
- `arguments`: checks of settings and data
- `sampling`: the samples of each step
- `interrupts`: delays signals until the end of a step
- `callbacks`: calls the hooks of callbacks
- `task`: a snapshot of the settings, for one step or one call of the core
- `dataset`, `evaluation`: the data as steps read it, and as accuracies do
- `steps`: one step after the other, or many in one call of the core
- `trees`, `identity`: the state of a run, and what tells it from others, as text and arrays
- `checkpoint`, `resuming`: a run on disk, written and read
- `loop`: a run from its first step to its last
- `start`: the arguments of `fit` and `resume`, checked and put together
- `settings`: what a trainer trains and how
- `trainer`: the class that users see
"""
