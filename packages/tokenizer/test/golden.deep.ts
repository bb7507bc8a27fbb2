/** Every line of the golden lists, and every set of rules compiled. */
import './golden.test.ts'
import './normalization.test.ts'
