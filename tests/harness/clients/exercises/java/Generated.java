package javax.annotation;

/** The annotation of generated classes, which Java itself has no more. */
public @interface Generated {
  String[] value();

  String date();

  String comments();
}
