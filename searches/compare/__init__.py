"""Studies of given networks: modules, ablations and published networks beside each other."""
