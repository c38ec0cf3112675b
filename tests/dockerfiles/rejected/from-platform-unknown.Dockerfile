FROM --platform=amiga scratch
