"""LINE messages drawn as HTML: for the simulator's chat and the console's previews. It knows no
other room, so that what it draws is what LINE was sent."""
