"""③ The dispatch machine: a work item from ready to done. Pure: no clock, no ids made, no I/O."""
