FROM scratch AS made
RUN echo it's <<EOF
ENV A=1
FROM scratch AS check
