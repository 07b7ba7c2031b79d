"""How networks are tried: spaces, data, training, studies."""
