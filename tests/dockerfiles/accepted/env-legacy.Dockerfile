FROM scratch
ENV A the rest = of the line
