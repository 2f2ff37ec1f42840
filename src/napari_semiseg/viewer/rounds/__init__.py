"""The rounds of a project: looking at each, telling two apart, going back to one."""
