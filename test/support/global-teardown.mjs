import { asSuperuser } from './superuser.mjs';

/** The databases of this run, where the server is somebody else's; then the engines and the files. */
export default async function tearDown() {
  const { TEST_ENGINES, TEST_POSTGRES_URL, TEST_MONGODB_URL } = process.env;
  if (TEST_ENGINES && TEST_POSTGRES_URL)
    await asSuperuser(TEST_POSTGRES_URL, (client) => dropDatabases(client, JSON.parse(TEST_ENGINES)));
  if (TEST_ENGINES && TEST_MONGODB_URL) await dropMongoDatabases(TEST_MONGODB_URL, JSON.parse(TEST_ENGINES));
  await globalThis.testReaper.finish();
}

async function dropDatabases(client, { run }) {
  const { rows } = await client.query('SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [
    `omni_test_${run}_`,
  ]);
  for (const { datname } of rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
}

async function dropMongoDatabases(url, { run }) {
  const { mongo } = await import('mongoose').then((mongoose) => mongoose.default);
  const client = await mongo.MongoClient.connect(url);
  const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
  for (const { name } of databases) if (name.startsWith(`omni_test_${run}_`)) await client.db(name).dropDatabase();
  await client.close();
}
