import { Text } from '../common/fields.js';

export class ExportDownload {
  @Text({
    max: 100,
    description: 'From the mailed link; good for 5 downloads within 24 hours',
    example: 'pZ3vBq8sWm1xK0dTn6yRf4hLc9uJg2aEi7oQkVtXbNw',
  })
  token!: string;
}
