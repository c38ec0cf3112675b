FROM scratch
ENV A=${B#x} C=${B%%y} D=${B/x/y}
