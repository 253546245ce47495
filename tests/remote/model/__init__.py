"""The protocol modelled: machines, their disks, the network between them, and what goes wrong with all three."""
