"""Work on a host that has no checkout: the commit of a flow run, its environment, and its DVC remote."""
