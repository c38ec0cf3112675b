FROM scratch AS made
ENV A=1
FROM made
ENV B=$A
