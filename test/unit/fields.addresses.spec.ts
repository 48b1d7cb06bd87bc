import { WebAddress } from '../../src/common/fields.js';
import { ValidationError } from '../../src/common/service-error.js';
import { InputPipe } from '../../src/common/validation.js';

class Sample {
  @WebAddress({})
  url!: string;
}

const pipe = new InputPipe();

/** The codes of the rules that it breaks. */
async function brokenBy(url: unknown): Promise<string[]> {
  try {
    const read = (await pipe.transform({ url }, { type: 'body', metatype: Sample })) as Sample;
    expect(read.url).toBe(url);
    return [];
  } catch (error) {
    if (error instanceof ValidationError) return error.errors.map(({ code }) => code);
    throw error;
  }
}

describe('the address of a page', () => {
  it.each([
    'https://shop.example.com',
    'https://shop.example.com/',
    'HTTPS://Shop.Example.com/orders/4711?paid=1#top',
    'http://localhost:3000/thanks',
    'https://shop.example.com?order=4711&mail=ada@example.com',
    'https://shop.example.com#done',
    'https://192.0.2.7:8443/',
    'https://[2001:db8::7]/thanks',
    'https://[::1]:8443',
    'https://bücher.example/größe',
    'https://shop.example.com/@ada/https://elsewhere.example/',
  ])('may be %s, and stays as it was given', async (url) => {
    expect(await brokenBy(url)).toEqual([]);
  });

  it.each([
    'http:shop.example.com',
    'https:/shop.example.com',
    'https:///shop.example.com',
    'https:\\\\shop.example.com',
    'https://shop.example.com\\thanks',
    'https://shop.example.com/a\\b',
    ' https://shop.example.com/',
    'https://shop.example.com/ ',
    'https://shop.example.com/\n',
    'https://shop.example.com/\u0001',
    'ht\ttps://shop.example.com/',
    'https://shop.exa\tmple.com/',
    'https://shop.example.com/a\nb',
    'https://@shop.example.com/',
    'https://:@shop.example.com/',
    'https://ada@shop.example.com/',
    'https://ada:secret@shop.example.com/',
    '//shop.example.com/',
    '/thanks',
    'shop.example.com',
    'javascript:alert(1)',
    'ftp://shop.example.com/',
    'https://',
    'https://[::1/',
    'https://shop.example.com:99999/',
    '',
  ])('is not %j', async (url) => {
    expect(await brokenBy(url)).toEqual(['url']);
  });

  it('is read in no time, however long what is none goes on', async () => {
    expect(await brokenBy(`https://${'a'.repeat(2_039)} `)).toEqual(['url']);
    expect(await brokenBy(`https://a/${'?#/'.repeat(679)} `)).toEqual(['url']);
  });
});
