package lakehouse;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Commits to Delta tables on S3 by a put that the store refuses when the object is there already (If-None-Match: *), so that
 * any number of writers, Spark or not, may commit to one table. Needs Hadoop 3.4.2 or later and a store with conditional writes.
 */
public class ConditionalPutLogStore extends HadoopFileSystemLogStore {
  private static final String CONDITIONAL = "fs.option.create.conditional.overwrite";

  public ConditionalPutLogStore(Configuration configuration) {
    super(configuration);
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration configuration)
      throws IOException {
    FileSystem store = path.getFileSystem(configuration);
    byte[] content = joined(actions);
    if (overwrite) {
      put(store.create(path, true), content);
      return;
    }
    try {
      put(conditional(store, path), content);
    } catch (IOException refused) {
      settle(store, path, content, refused);
    }
  }

  @Override
  public Boolean isPartialWriteVisible(Path path, Configuration configuration) {
    return false;
  }

  /** After an error only the stored object tells who won: a put that arrived may have been answered by nobody, or twice. */
  private static void settle(FileSystem store, Path path, byte[] content, IOException refused) throws IOException {
    byte[] stored;
    try (FSDataInputStream input = store.open(path)) {
      stored = input.readAllBytes();
    } catch (FileNotFoundException absent) {
      throw refused;
    }
    if (!Arrays.equals(stored, content)) {
      FileAlreadyExistsException lost = new FileAlreadyExistsException(path.toString());
      lost.initCause(refused);
      throw lost;
    }
  }

  private static OutputStream conditional(FileSystem store, Path path) throws IOException {
    FSDataOutputStreamBuilder<?, ?> builder = store.createFile(path);
    builder.create().overwrite(false);
    builder.must(CONDITIONAL, true);
    return builder.build();
  }

  private static void put(OutputStream output, byte[] content) throws IOException {
    try (output) {
      output.write(content);
    }
  }

  private static byte[] joined(Iterator<String> actions) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    while (actions.hasNext()) {
      all.writeBytes((actions.next() + "\n").getBytes(StandardCharsets.UTF_8));
    }
    return all.toByteArray();
  }
}
