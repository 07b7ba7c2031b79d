"""What reads power, clocks and temperature: runs on a board and here; Python 3.6, standard library only."""
