# Two stages: build a virtual environment, then run it as an ordinary user.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/regulars
COPY pyproject.toml constraints.txt README.md ./
COPY app app
COPY handlers handlers
COPY flex_templates flex_templates
COPY migrations migrations
RUN /opt/regulars/bin/pip install --no-cache-dir -c constraints.txt '.[postgres]'

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home regulars \
    && install -d -o regulars -g regulars /data
COPY --from=build /opt/regulars /opt/regulars
ENV PATH=/opt/regulars/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TZ=Asia/Taipei \
    DATABASE_URL=sqlite:////data/regulars.db
USER regulars
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["regulars", "serve", "--host", "0.0.0.0", "--port", "8000"]
