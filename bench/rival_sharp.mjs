// The usual way with sharp: as many threads at work as there are cores, one for each picture.
// node rival_sharp.mjs MODULES FOLDER PORT; then GET /NAME?w=WIDTH&q=QUALITY
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';

const [modules, folder, port] = process.argv.slice(2);
const sharp = createRequire(path.join(modules, 'package.json'))('sharp');
sharp.concurrency(1);
sharp.cache(false);

http
  .createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const content = await sharp(path.join(folder, url.pathname))
      .rotate()
      .resize({ width: Number(url.searchParams.get('w')), withoutEnlargement: true })
      .webp({ quality: Number(url.searchParams.get('q')), effort: 4 })
      .toBuffer();
    response.writeHead(200, { 'Content-Type': 'image/webp', 'Content-Length': content.length });
    response.end(content);
  })
  .listen(Number(port), '127.0.0.1');
